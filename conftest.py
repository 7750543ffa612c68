"""Fixtures that both test folders use."""

pytest_plugins = ["tests.support.bigquery", "tests.support.fixtures", "tests.support.loading"]
