"""The routes of the API: each reads a call, asks the state, and answers as the contract says."""
