"""The batch engine of the provider common.ai, over the Sam API: loaded by that provider, and needs it."""
