# The server alone, without tools to build anything: every dependency is a wheel, pinned by hash.
FROM python:3.11-slim AS packages
COPY requirements.txt .
RUN python -m venv /opt/collab \
 && /opt/collab/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt \
 && /opt/collab/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim
COPY --from=packages /opt/collab /opt/collab
WORKDIR /app
COPY collab collab
COPY clients/python clients/python
RUN printf '#!/bin/sh\nexec python -m collab "$@"\n' > /usr/local/bin/collab \
 && chmod 755 /usr/local/bin/collab \
 && useradd --system --uid 10001 --no-create-home collab \
 && install -d -o collab -g collab /data
ENV PATH=/opt/collab/bin:$PATH \
    PYTHONPATH=/app:/app/clients/python \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATABASE_URL=sqlite:////data/collab.db
USER collab
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "collab"]
CMD ["serve"]
