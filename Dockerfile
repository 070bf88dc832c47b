# One image for every party; the command says which one a container is (docker-compose.yml).
#   docker build -f Dockerfile -t fedqmix .
# TORCH_INDEX is the index of PyTorch, and of nothing else. The default has builds without CUDA, a fifth of the size; for
# graphics cards build with `--build-arg TORCH_INDEX=` (docker-compose.gpu.yml does). PIP_ARGS are options for pip.
# The base image is checked by its digest and every package by its hash: docs/supply-chain.md, also on how to renew them.
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm@sha256:0bee7276f83efd4a1ee05bbbf4281d95ed28e079220a9457f25a93e3f1e3c31b

FROM ${PYTHON} AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG PIP_ARGS=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/fedqmix-python
WORKDIR /opt/fedqmix
# What it needs, before what it is: a change of the source does not install everything again.
COPY pyproject.toml ./
COPY scripts/requirements scripts/requirements
COPY scripts/install.py scripts/requirements.py scripts/
RUN /opt/fedqmix-python/bin/python scripts/install.py --torch-index "${TORCH_INDEX}" --dependencies-only -- ${PIP_ARGS}
COPY . .
RUN /opt/fedqmix-python/bin/pip install ${PIP_ARGS} --no-deps --no-build-isolation -e . \
 && /opt/fedqmix-python/bin/python -m compileall -q . \
 && rm -rf build *.egg-info/SOURCES.txt

FROM ${PYTHON}
LABEL org.opencontainers.image.title="fedqmix" org.opencontainers.image.licenses="Apache-2.0"
# The root file system can be read-only: what is written goes to /tmp, /state, /runs and /var/cache/fedqmix.
ENV PATH=/opt/fedqmix-python/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TMPDIR=/tmp \
    FLWR_HOME=/tmp/.flwr \
    FLWR_TELEMETRY_ENABLED=0 \
    NUMBA_CACHE_DIR=/var/cache/fedqmix
RUN groupadd --gid 1000 fedqmix \
 && useradd --uid 1000 --gid 1000 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin fedqmix \
 && mkdir -m 1777 /state /runs /var/cache/fedqmix
COPY --from=build /opt/fedqmix-python /opt/fedqmix-python
COPY --from=build /opt/fedqmix /opt/fedqmix
WORKDIR /opt/fedqmix
# Seconds of training prove that the image works, and leave the compiled rules of battle in it (for processors like the
# builder's; others compile them once, in about half a minute).
RUN fedqmix train experiment=smoke run_dir=/tmp/smoke > /tmp/smoke.log 2>&1 || { cat /tmp/smoke.log; exit 1; } \
 && rm -rf /tmp/* /tmp/.[!.]* runs \
 && ln -s /runs runs \
 && chmod -R a+rwX /var/cache/fedqmix
USER 1000:1000
# FEDQMIX_HEALTH: the words for `fedqmix health` that ask this container's service; without them nothing is asked.
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s \
  CMD ["sh", "-c", "[ -z \"$FEDQMIX_HEALTH\" ] || exec fedqmix health $FEDQMIX_HEALTH"]
ENTRYPOINT ["fedqmix"]
CMD ["--help"]
