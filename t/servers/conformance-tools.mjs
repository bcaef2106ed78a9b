/* The tools of the conformance fixture that need no input from a client. */

import { setTimeout as wait } from 'node:timers/promises';

import { fromJsonSchema } from '@modelcontextprotocol/server';
import * as z from 'zod';

/* one red pixel; 44 bytes of header and one silent sample */
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4'
    + '2mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = Buffer.concat([
    Buffer.from('RIFF'), Buffer.from([38, 0, 0, 0]), Buffer.from('WAVEfmt '),
    Buffer.from([16, 0, 0, 0, 1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0,
                 2, 0, 16, 0]),
    Buffer.from('data'), Buffer.from([2, 0, 0, 0, 0, 0]),
]).toString('base64');

const SCHEMA_2020_12 = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    $defs: {
        address: {
            $anchor: 'addressDef', type: 'object',
            properties: { street: { type: 'string' },
                          city: { type: 'string' } },
        },
    },
    properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' },
    },
    allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
    if: { properties: { contactMethod: { const: 'phone' } },
          required: ['contactMethod'] },
    then: { required: ['phone'] },
    else: { required: ['email'] },
    additionalProperties: false,
};

const text = (value) => ({ content: [{ type: 'text', text: value }] });

export { text };


export function tools(server, changed) {
    const tool = (name, description, run, inputSchema) => {
        server.registerTool(name, { description, inputSchema },
                            inputSchema ? run : (ctx) => run({}, ctx));
    };

    tool('test_simple_text', 'Returns text.',
         () => text('This is a simple text response for testing.'));

    tool('test_image_content', 'Returns an image.', () => ({
        content: [{ type: 'image', data: PNG, mimeType: 'image/png' }],
    }));

    tool('test_audio_content', 'Returns audio.', () => ({
        content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }],
    }));

    tool('test_embedded_resource', 'Returns a resource.', () => ({
        content: [{
            type: 'resource',
            resource: { uri: 'test://embedded-resource',
                        mimeType: 'text/plain',
                        text: 'This is an embedded resource content.' },
        }],
    }));

    tool('test_multiple_content_types', 'Returns several kinds.', () => ({
        content: [
            { type: 'text', text: 'Multiple content types test:' },
            { type: 'image', data: PNG, mimeType: 'image/png' },
            { type: 'resource',
              resource: { uri: 'test://mixed-content-resource',
                          mimeType: 'application/json',
                          text: '{"test":"data","value":123}' } },
        ],
    }));

    tool('test_tool_with_logging', 'Logs as it goes.', async (_, ctx) => {
        await ctx.mcpReq.log('info', 'Tool execution started');
        await wait(50);
        await ctx.mcpReq.log('info', 'Tool processing data');
        await wait(50);
        await ctx.mcpReq.log('info', 'Tool execution completed');

        return text('Logged three messages.');
    });

    tool('test_logging_tool', 'Logs one message.', async (_, ctx) => {
        await ctx.mcpReq.log('info', 'A message');

        return text('Logged if asked to.');
    });

    tool('test_tool_with_progress', 'Reports progress.', async (_, ctx) => {
        const progressToken = ctx.mcpReq._meta?.progressToken;

        for (const progress of [0, 50, 100]) {
            if (progressToken !== undefined) {
                await ctx.mcpReq.notify({
                    method: 'notifications/progress',
                    params: { progressToken, progress, total: 100 },
                });
            }

            await wait(50);
        }

        return text('Reported progress.');
    });

    tool('test_error_handling', 'Always fails.', () => {
        throw new Error('This tool intentionally returns an error for '
                        + 'testing');
    });

    tool('test_reconnection', 'Closes its stream half way.',
         async (_, ctx) => {
             await wait(50);
             ctx.http?.closeSSE?.();
             await wait(100);

             return text('Finished after the stream was closed.');
         });

    tool('json_schema_2020_12_tool', 'Has a schema of many keywords.',
         (args) => text(JSON.stringify(args)),
         fromJsonSchema(SCHEMA_2020_12));

    tool('test_x_mcp_header', 'Wants arguments in headers too.',
         (args) => text(JSON.stringify(args)),
         fromJsonSchema({
             type: 'object',
             properties: {
                 region: { type: 'string', 'x-mcp-header': 'Region' },
                 count: { type: 'integer', 'x-mcp-header': 'Count' },
                 dry: { type: 'boolean', 'x-mcp-header': 'Dry' },
                 note: { type: 'string' },
             },
             required: ['region'],
         }));

    tool('test_trigger_tool_change', 'Announces changed tools.', () => {
        changed.tools();

        return text('Announced.');
    });

    tool('test_trigger_prompt_change', 'Announces changed prompts.', () => {
        changed.prompts();

        return text('Announced.');
    });

    tool('test_no_schema', 'Takes anything.', (args) =>
        text(JSON.stringify(args)), z.looseObject({}));
}
