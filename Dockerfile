# syntax=docker/dockerfile:1
# SPDX-License-Identifier: Apache-2.0
#
# See docs/image.md. Nothing in here names an architecture: build on the one, or by emulation of the one, that it is for.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG BUILD_IMAGE=debian:bookworm-slim
# Any image with glibc and Node 24 in /nodejs/bin, /usr/local/bin or /usr/bin. For releases, name it by its digest.
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12

# The C parts: static, so that they run on any node and in any libvirt container.
FROM ${BUILD_IMAGE} AS c
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev make musl-tools binutils \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json ./
COPY stub stub
RUN make -s -C stub check all && rm -rf stub/build/check

# The daemon as one file for each command, with the few files that it reads beside them.
FROM ${NODE_IMAGE} AS bundle
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY LICENSE ./
COPY proto proto
COPY daemon daemon
COPY deploy/image deploy/image
COPY deploy/libvirt deploy/libvirt
RUN npm run build:bundle

# The image's files as they will lie: what comes has neither shell nor ln.
FROM ${NODE_IMAGE} AS files
ARG REVISION=
COPY deploy/image/lay-out.sh /
COPY --from=bundle /src/dist/bundle /bundle
COPY --from=c /src/stub/build /programs
RUN sh /lay-out.sh /bundle /programs /files "$REVISION"

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="kubevirt-node-driver" \
      org.opencontainers.image.description="Puts the QEMU that a stock libvirt starts into the pod its VM belongs to" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=files /files /
WORKDIR /app
# Root: the daemon reads every pod's /proc entries and starts processes in their namespaces. Which capabilities it needs
# of it: docs/security.md.
USER 0
ENTRYPOINT ["/usr/local/bin/node-driver"]
CMD ["serve"]
