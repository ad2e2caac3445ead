"""The widgets of the app, from generic charts to the panes of its screens."""
