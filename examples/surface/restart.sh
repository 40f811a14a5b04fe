#!/bin/sh
# Restarts the service: the old one finishes what it has begun, then the new one starts.
set -eu
cd "$(dirname "$0")"
if [ -f service.pid ]; then
  old=$(cat service.pid)
  kill -TERM "$old" 2>/dev/null || true
  while [ -f service.pid ] && kill -0 "$old" 2>/dev/null; do sleep 0.05; done
fi
setsid "${PYTHON:-python3}" service.py </dev/null >>service.log 2>&1 &
echo $! >service.pid
until curl -sf "http://127.0.0.1:${PORT:-8080}/health" >/dev/null; do sleep 0.05; done
