"""The module paths under which described scripts import tabgraft's classes."""
