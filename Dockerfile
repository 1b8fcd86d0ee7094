# syntax=docker/dockerfile:1
ARG NODE_IMAGE=node:24-bookworm-slim
ARG BUILD_IMAGE=debian:bookworm-slim

# The C parts: static, so that they run on any node and in any libvirt container.
FROM ${BUILD_IMAGE} AS c
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev make musl-tools binutils \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json ./
COPY stub stub
RUN make -C stub

# The daemon as JavaScript.
FROM ${NODE_IMAGE} AS daemon
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY daemon daemon
RUN npm run build:daemon

# What the daemon imports at run time. The image has its own Node, so the one for npm scripts and buf are left out;
# --omit=optional would leave out koffi's binary too.
FROM ${NODE_IMAGE} AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev \
 && rm -rf node_modules/node-linux-* node_modules/.bin/node node_modules/@bufbuild

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="kubevirt-node-driver" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY LICENSE package.json ./
COPY --from=modules /app/node_modules node_modules
COPY --from=c /src/stub/build stub/build
COPY proto proto
COPY --from=daemon /src/dist dist
# Root: the daemon reads every pod's /proc entries and starts processes in their namespaces.
USER 0
ENTRYPOINT ["node", "--disable-sigusr1", "--enable-source-maps", "--max-semi-space-size=2", "dist/daemon/main.js"]
CMD ["serve"]
