/*
 * The tools of the conformance fixture that ask the client for something:
 * by input_required results, which the SDK turns into requests to clients
 * of the legacy era.
 */

import { randomBytes } from 'node:crypto';

import {
    acceptedContent, createRequestStateCodec, inputRequired,
} from '@modelcontextprotocol/server';
import * as z from 'zod';

import { text } from './conformance-tools.mjs';

export const stateCodec = createRequestStateCodec({ key: randomBytes(32) });

const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';


const form = (message, properties, required = Object.keys(properties)) => ({
    method: 'elicitation/create',
    params: { mode: 'form', message,
              requestedSchema: { type: 'object', properties, required } },
});

const sample = (question, maxTokens = 100) => ({
    method: 'sampling/createMessage',
    params: {
        messages: [{ role: 'user',
                     content: { type: 'text', text: question } }],
        maxTokens,
    },
});

const roots = () => ({ method: 'roots/list', params: {} });

const askName = () => form('What is your name?', { name: { type: 'string' } });


/* What a sampling response says. */

function sampled(response) {
    const content = [response?.content ?? []].flat();

    return content.map((block) => block.text ?? '').join('');
}


function outcome(response) {
    return `action=${response.action}, `
        + `content=${JSON.stringify(response.content ?? {})}`;
}


const SEP_1034 = {
    name: { type: 'string', description: 'User name', default: 'John Doe' },
    age: { type: 'integer', description: 'User age', default: 30 },
    score: { type: 'number', description: 'User score', default: 95.5 },
    status: { type: 'string', description: 'User status',
              enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', description: 'Verified', default: true },
};

const titled = (names) => names.map(([value, title]) => ({ const: value,
                                                           title }));

const SEP_1330 = {
    untitledSingle: { type: 'string',
                      enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string',
                    oneOf: titled([['value1', 'First Option'],
                                   ['value2', 'Second Option'],
                                   ['value3', 'Third Option']]) },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'],
                  enumNames: ['Option One', 'Option Two', 'Option Three'] },
    untitledMulti: { type: 'array',
                     items: { type: 'string',
                              enum: ['option1', 'option2', 'option3'] } },
    titledMulti: { type: 'array',
                   items: { anyOf: titled([['value1', 'First Choice'],
                                           ['value2', 'Second Choice'],
                                           ['value3', 'Third Choice']]) } },
};


export function inputTools(server) {
    const tool = (name, run, inputSchema) => {
        server.registerTool(
            name, { description: `Asks the client: ${name}.`, inputSchema },
            async (...args) => {
                const ctx = args.at(-1);

                return run(ctx.mcpReq.inputResponses ?? {}, ctx,
                           inputSchema ? args[0] : {});
            });
    };

    /* one question, and what to say to its answer */
    const ask = (name, key, question, answer, inputSchema) => {
        tool(name, (responses, ctx, args) => responses[key] === undefined
            ? inputRequired({ inputRequests: { [key]: question(args) } })
            : answer(responses[key], responses), inputSchema);
    };

    ask('test_sampling', 'sample', ({ prompt }) => sample(prompt),
        (response) => text(`LLM response: ${sampled(response)}`),
        z.object({ prompt: z.string() }));

    ask('test_elicitation', 'form', ({ message }) => form(message, {
        username: { type: 'string', description: "User's response" },
        email: { type: 'string', description: "User's email address" },
    }), (response) => text(`User response: ${outcome(response)}`),
        z.object({ message: z.string() }));

    ask('test_elicitation_sep1034_defaults', 'form',
        () => form('Please check', SEP_1034, []),
        (response) => text(`Elicitation completed: ${outcome(response)}`));

    ask('test_elicitation_sep1330_enums', 'form',
        () => form('Please choose', SEP_1330, []),
        (response) => text(`Elicitation completed: ${outcome(response)}`));

    /* a wrong answer is asked for again, an unknown one is no answer */
    tool('test_input_required_result_elicitation', (responses) => {
        const { name } = acceptedContent(responses, 'user_name') ?? {};

        return typeof name === 'string'
            ? text(`Hello, ${name}!`)
            : inputRequired({ inputRequests: { user_name: askName() } });
    });

    ask('test_input_required_result_sampling', 'capital_question',
        () => sample('What is the capital of France?'),
        (response) => text(sampled(response)));

    ask('test_input_required_result_list_roots', 'client_roots', roots,
        (response) => text(`Roots: ${(response.roots ?? [])
            .map((root) => root.uri).join(' ')}`));

    /* the SDK refuses to ask for what the client cannot do */
    ask('test_missing_capability', 'sample', () => sample('Anything'),
        (response) => text(sampled(response)));

    ask('test_streaming_elicitation', 'user_name', askName,
        (response) => text(outcome(response)));

    tool('test_input_required_result_request_state',
         async (responses, ctx) => ctx.mcpReq.requestState()?.step === 'confirm'
             && responses.confirm !== undefined
             ? text('state-ok')
             : inputRequired({
                 inputRequests: {
                     confirm: form('Please confirm',
                                   { ok: { type: 'boolean' } }),
                 },
                 requestState: await stateCodec.mint({ step: 'confirm' },
                                                     ctx),
             }));

    tool('test_input_required_result_multiple_inputs',
         async (responses, ctx) => {
             const questions = {
                 user_name: askName(),
                 greeting: sample('Generate a greeting', 50),
                 client_roots: roots(),
             };

             return Object.keys(questions).every((key) => key in responses)
                 ? text('All inputs are here.')
                 : inputRequired({
                     inputRequests: questions,
                     requestState: await stateCodec.mint({ step: 'all' },
                                                         ctx),
                 });
         });

    tool('test_input_required_result_multi_round', async (responses, ctx) => {
        const step = ctx.mcpReq.requestState()?.step ?? 0;
        const next = async (number, question, field) => inputRequired({
            inputRequests: {
                [`step${number}`]: form(question,
                                        { [field]: { type: 'string' } }),
            },
            requestState: await stateCodec.mint({ step: number }, ctx),
        });

        if (step === 0 || step === 1 && responses.step1 === undefined) {
            return next(1, 'Step 1: What is your name?', 'name');
        }

        if (step === 1 || responses.step2 === undefined) {
            return next(2, 'Step 2: What is your favorite color?', 'color');
        }

        return text('Both steps are done.');
    });

    tool('test_input_required_result_tampered_state',
         async (responses, ctx) => ctx.mcpReq.requestState() !== undefined
             ? text('The state is intact.')
             : inputRequired({
                 inputRequests: { confirm: form('Please confirm',
                                                { ok: { type: 'boolean' } }) },
                 requestState: await stateCodec.mint({ step: 'sealed' }, ctx),
             }));

    tool('test_input_required_result_capabilities', (responses, ctx) => {
        const caps = ctx.mcpReq.envelope?.[CAPABILITIES] ?? {};
        const inputRequests = {
            ...(caps.elicitation && { name: askName() }),
            ...(caps.sampling && { greeting: sample('Say hello') }),
            ...(caps.roots && { roots: roots() }),
        };

        return Object.keys(responses).length
               || !Object.keys(inputRequests).length
            ? text('Done.')
            : inputRequired({ inputRequests });
    });

    server.registerPrompt(
        'test_input_required_result_prompt',
        { description: 'Asks for its context.' },
        (ctx) => {
            const { context } = acceptedContent(
                ctx.mcpReq.inputResponses, 'user_context') ?? {};

            return context === undefined
                ? inputRequired({
                    inputRequests: {
                        user_context: form(
                            'What context should the prompt use?',
                            { context: { type: 'string' } }),
                    },
                })
                : { messages: [{ role: 'user',
                                 content: { type: 'text',
                                            text: `Use ${context}.` } }] };
        });
}
