"""Kubernetes: tokens of service accounts, made with what they may do and taken away with their lease."""

from strongroom.secrets.kubernetes.engine import Kubernetes

__all__ = ["Kubernetes"]
