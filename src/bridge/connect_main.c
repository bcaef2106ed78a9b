
/*
 * mcp-bridge where it can do nothing but connect: the main() of a bridge that
 * is built with main.c is another.
 */


#include "connect.h"

#include <stdio.h>


int main(int argc, char **argv) __attribute__((weak));


int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "connect") == 0) {
        return mcp_bridge_connect(argc - 1, argv + 1);
    }

    fputs("usage: mcp-bridge connect URL [options]\n", stderr);

    return 2;
}
