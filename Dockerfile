# Debian's nginx with the module (the last stage), and mcp-bridge with a node
# for the servers that it runs (--target bridge).

FROM debian:12-slim AS build

RUN apt-get update \
    && apt-get install -y --no-install-recommends make ca-certificates \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY . .
RUN make build && make install DESTDIR=/out


FROM node:22-bookworm-slim AS bridge

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
       libevent-2.1-7 libjansson4 libssl3 libcurl4 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && usermod -aG www-data node \
    && install -d -o node -g www-data -m 750 /run/mcp-bridge

COPY --from=build /out/usr/bin/mcp-bridge /usr/bin/
COPY conf/mcp.json /etc/mcp-bridge/mcp.json

USER node
CMD ["mcp-bridge", "-c", "/etc/mcp-bridge/mcp.json", "-g", "www-data"]


FROM debian:12-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
       nginx libjansson4 libssl3 libpq5 libcurl4 libevent-2.1-7 \
       ca-certificates \
    && rm -rf /var/lib/apt/lists/* /etc/nginx/sites-enabled/* \
    && ln -sf /dev/stdout /var/log/nginx/access.log \
    && ln -sf /dev/stderr /var/log/nginx/error.log

COPY --from=build /out/usr/ /usr/
COPY conf/docker.conf /etc/nginx/nginx.conf

EXPOSE 8080
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
