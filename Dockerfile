# Debian's nginx with the module.

FROM debian:12-slim AS build

RUN apt-get update \
    && apt-get install -y --no-install-recommends make ca-certificates \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY . .
RUN make build && make install DESTDIR=/out


FROM debian:12-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
       nginx libjansson4 libssl3 libpq5 libcurl4 ca-certificates \
    && rm -rf /var/lib/apt/lists/* /etc/nginx/sites-enabled/* \
    && ln -sf /dev/stdout /var/log/nginx/access.log \
    && ln -sf /dev/stderr /var/log/nginx/error.log

COPY --from=build /out/usr/ /usr/
COPY conf/docker.conf /etc/nginx/nginx.conf

EXPOSE 8080
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
