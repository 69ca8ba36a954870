/**
 * Answers questions of the process that forked this one, and ends with it.
 *
 * A question is `{ id, op, args }`; `handlers[op](args)` makes the answer.
 */
export function answer(handlers) {
  process.on('disconnect', () => process.exit(0));
  process.on('message', async ({ id, op, args }) => {
    try {
      process.send({ id, result: await handlers[op](args) });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  });
  process.send({ ready: true });
}
