"""The HTTP API and the web page: `create_app` of `app.py` in a server, `Client` of `client.py` on the other side."""
