r"""Provider simulators: real HTTP, written from the platforms' own documentation.

    seed + account + now -> world (pure) -> platform app (ASGI) -> gate (faults, counts) -> socket
                                   \-> truth (totals computed beside the HTTP path)

`server.create_simulator` puts every platform behind one port; each platform is also an app alone.
"""
