# Targets: operator, predictor. What they depend on, exactly as locked, is a layer of its own below our code: a change of
# code rebuilds and ships only the code.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.13.8

FROM ${UV_IMAGE} AS uv

FROM ${BASE} AS installer
COPY --from=uv /uv /usr/local/bin/uv
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PYTHON=python3.11
WORKDIR /src

# One list for each target: a change elsewhere in the lock or in the projects leaves it, and the layers made from it, as they are.
FROM installer AS locked
COPY pyproject.toml uv.lock ./
COPY operator/pyproject.toml operator/
COPY predictor/pyproject.toml predictor/
RUN for part in operator predictor; do \
      uv export --quiet --locked --no-dev --no-emit-workspace --no-annotate --no-header \
        --package "sluice-${part}" --output-file "/${part}.txt"; \
    done

FROM installer AS operator-code
COPY operator /src
RUN uv pip install --quiet --no-deps --target /code /src && rm -rf /code/bin /code/.lock

FROM installer AS predictor-code
COPY predictor /src
RUN uv pip install --quiet --no-deps --target /code /src && rm -rf /code/bin /code/.lock

FROM ${BASE} AS runtime
ENV PATH=/opt/sluice/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONUNBUFFERED=1

FROM runtime AS operator
LABEL org.opencontainers.image.title=sluice-operator
COPY --from=locked /operator.txt /opt/sluice/requirements.txt
RUN --mount=type=bind,from=installer,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy; \
    uv venv --quiet --allow-existing --python python3.11 /opt/sluice \
 && uv pip install --quiet --python /opt/sluice --compile-bytecode --no-deps --require-hashes \
      --requirements /opt/sluice/requirements.txt
COPY --from=operator-code /code /opt/sluice/lib/python3.11/site-packages
USER 65532:65532
ENTRYPOINT ["python", "-P", "-m", "sluice_operator"]

FROM runtime AS predictor
LABEL org.opencontainers.image.title=sluice-predictor
# cpu: torch from an index of builds for the CPU alone, a quarter of the size; where that cannot be reached, an empty
# TORCH_INDEX_URL takes PyPI's build, which is made for CUDA, and drops what only a GPU needs. cuda: PyPI's build, whole.
ARG ACCELERATOR=cpu
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
COPY --from=locked /predictor.txt /opt/sluice/requirements.txt
RUN --mount=type=bind,from=installer,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=type=bind,source=hack/images/predictor,target=/hack \
    export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy; \
    case "${ACCELERATOR}" in cpu|cuda) ;; *) echo "ACCELERATOR: expected cpu or cuda" >&2; exit 1 ;; esac \
 && uv venv --quiet --allow-existing --python python3.11 /opt/sluice \
 && cd /opt/sluice \
 && install="uv pip install --quiet --python . --compile-bytecode --no-deps" \
 && if [ "${ACCELERATOR}" = cpu ] && [ -n "${TORCH_INDEX_URL}" ]; then \
      torch="$(grep -o '^torch==[^ ;]*' requirements.txt)" \
   && awk '/^[^ ]/ {keep = !/^(torch==|nvidia-|cuda-)/} keep' requirements.txt > others.txt \
   && ${install} --require-hashes --requirements others.txt \
   && ${install} --index-url "${TORCH_INDEX_URL}" "${torch}"; \
    else \
      ${install} --require-hashes --requirements requirements.txt \
   && if [ "${ACCELERATOR}" = cpu ]; then bin/python -B /hack/drop_cuda.py; fi; \
    fi
COPY --from=predictor-code /code /opt/sluice/lib/python3.11/site-packages
USER 65532:65532
ENTRYPOINT ["python", "-P", "-m", "sluice_predictor"]
