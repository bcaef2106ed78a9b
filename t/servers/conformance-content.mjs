/* The prompts and resources of the conformance fixture. */

import { ResourceTemplate, completable } from '@modelcontextprotocol/server';
import * as z from 'zod';

import { PNG } from './conformance-tools.mjs';

const user = (content) => ({ role: 'user', content });
const text = (value) => ({ type: 'text', text: value });


export function promptsAndResources(server, era) {
    server.registerPrompt(
        'test_simple_prompt', { description: 'A prompt as it is.' },
        () => ({
            messages: [user(text('This is a simple prompt for testing.'))],
        }));

    server.registerPrompt(
        'test_prompt_with_arguments',
        {
            description: 'A prompt of two arguments.',
            argsSchema: z.object({
                arg1: completable(
                    z.string().describe('First test argument'),
                    (value) => ['paris', 'park', 'party']
                        .filter((word) => word.startsWith(value))),
                arg2: z.string().describe('Second test argument'),
            }),
        },
        ({ arg1, arg2 }) => ({
            messages: [user(text(`Prompt with arguments: arg1='${arg1}', `
                                 + `arg2='${arg2}'`))],
        }));

    server.registerPrompt(
        'test_prompt_with_embedded_resource',
        {
            description: 'A prompt with a resource.',
            argsSchema: z.object({
                resourceUri: z.string().describe('The resource to embed'),
            }),
        },
        ({ resourceUri }) => ({
            messages: [
                user({ type: 'resource',
                       resource: {
                           uri: resourceUri, mimeType: 'text/plain',
                           text: 'Embedded resource content for testing.',
                       } }),
                user(text('Please process the embedded resource above.')),
            ],
        }));

    server.registerPrompt(
        'test_prompt_with_image', { description: 'A prompt with an image.' },
        () => ({
            messages: [
                user({ type: 'image', data: PNG, mimeType: 'image/png' }),
                user(text('Please analyze the image above.')),
            ],
        }));

    const resource = (name, uri, mimeType, content) => {
        server.registerResource(
            name, uri, { description: `The resource ${name}.`, mimeType },
            () => ({ contents: [{ uri, mimeType, ...content }] }));
    };

    resource('static-text', 'test://static-text', 'text/plain',
             { text: 'This is the content of the static text resource.' });
    resource('static-binary', 'test://static-binary', 'image/png',
             { blob: PNG });
    resource('watched-resource', 'test://watched-resource', 'text/plain',
             { text: 'Watch me.' });

    server.registerResource(
        'template',
        new ResourceTemplate('test://template/{id}/data',
                             { list: undefined }),
        { description: 'Data by id.', mimeType: 'application/json' },
        (uri, { id }) => ({
            contents: [{
                uri: uri.href, mimeType: 'application/json',
                text: JSON.stringify({ id, templateTest: true,
                                       data: `Data for ID: ${id}` }),
            }],
        }));

    if (era === 'legacy') {
        server.server.setRequestHandler('resources/subscribe', () => ({}));
        server.server.setRequestHandler('resources/unsubscribe', () => ({}));
    }
}
