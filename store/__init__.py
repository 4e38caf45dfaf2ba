"""Tables, engine, migrations, writes and reports. Knows no HTTP, no page and no connector."""
