"""The API's room on its own: most of it against the emulator or raw sockets, over real HTTP."""
