'use strict';

/*
 * Preloaded (node --require) into MCP servers that would listen on every
 * address: whatever TCP address they ask for, they get 127.0.0.1.
 */

const net = require('node:net');
const dgram = require('node:dgram');

const ADDRESS = '127.0.0.1';
const { listen } = net.Server.prototype;

net.Server.prototype.listen = function (first, ...rest) {
    if (first === null || first === undefined || typeof first === 'function') {
        rest.unshift(...(typeof first === 'function' ? [first] : []));
        first = { port: 0 };

    } else if (typeof first === 'number' || /^\d+$/.test(first)) {
        const backlog = rest.find((arg) => typeof arg === 'number');

        first = { port: Number(first), backlog };

    } else if (typeof first === 'object' && 'port' in first) {
        first = { ...first };
    }

    if (typeof first === 'object' && 'port' in first) {
        first.host = ADDRESS;
        rest = rest.filter((arg) => typeof arg === 'function');
    }

    return listen.call(this, first, ...rest);
};

const { bind } = dgram.Socket.prototype;

dgram.Socket.prototype.bind = function (first, ...rest) {
    const options = typeof first === 'object' && first !== null
        ? first : { port: typeof first === 'number' ? first : 0 };
    const done = [first, ...rest].filter((arg) => typeof arg === 'function');

    return bind.call(this, { ...options, address: ADDRESS }, ...done);
};
