"""Heads of predictors."""

from tabgraft._native import SimpleMLP

__all__ = ["SimpleMLP"]
