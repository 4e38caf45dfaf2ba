"""Where do our applicants come from, and what is each source worth? Imported, this module holds the ASGI app."""

import streamlit as st

if __name__ != "__main__":
    import server

    # The assignment stands here because `streamlit run` looks for it in this file's syntax tree.
    app = st.App(
        server.SCRIPT,
        routes=server.routes(),
        middleware=server.middleware(),
        lifespan=server.lifespan,
        on_script_error=server.note_script_error,
    )
else:
    from ui import dashboard, shell

    view = shell.begin("Dashboard")
    dashboard.panel(view, live=dashboard.controls(view))
    shell.freshness(view)
