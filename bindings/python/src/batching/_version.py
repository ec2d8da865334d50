"""The version of the package. The shared library must agree with its major and minor number."""

__version__ = "0.2.0"
