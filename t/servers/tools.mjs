/*
 * The tools of the servers on both SDKs.  adapt() takes what the SDK gives
 * a tool besides its arguments and names the same things alike: token,
 * notify(notification), signal.
 */

import { setTimeout as wait } from 'node:timers/promises';

import * as z from 'zod';

const text = (value) => ({ content: [{ type: 'text', text: value }] });


export function register(server, who, adapt) {
    const tool = (name, shape, run, more = {}) => {
        server.registerTool(
            name,
            { description: `Does ${name}.`, inputSchema: z.object(shape),
              ...more },
            (args, context) => run(args, adapt(context)));
    };

    tool('echo', { message: z.string() }, ({ message }) => text(message));

    tool('who', {}, () => text(who));

    tool('big', { bytes: z.number().int() },
         ({ bytes }) => text('0123456789abcdef'.repeat(bytes / 16)));

    tool('fail', {}, () => {
        throw new Error('it went wrong');
    });

    tool('structured', { value: z.number().int() }, ({ value }) => ({
        ...text(String(value)), structuredContent: { value },
    }), { outputSchema: z.object({ value: z.number().int() }) });

    tool('progress', { steps: z.number().int(), pause: z.number().optional() },
         async ({ steps, pause }, { token, notify }) => {
             for (let step = 1; step <= steps; step++) {
                 if (token !== undefined) {
                     await notify({
                         method: 'notifications/progress',
                         params: { progressToken: token, progress: step,
                                   total: steps, message: `step ${step}` },
                     });
                 }

                 await wait(pause ?? 20);
             }

             return text(`${steps} steps`);
         });

    tool('slow', { ms: z.number().int() }, async ({ ms }, { signal }) => {
        console.log('slow: started');
        signal?.addEventListener('abort',
                                 () => console.log('slow: cancelled'));
        await wait(ms, undefined, { signal });
        console.log('slow: finished');

        return text('at last');
    });
}
