/** What {@link within} gives when it took too long. */
export const LATE = Symbol('late');

/** Waits so long at most for something that cannot be cancelled: it may go on without anybody. */
export async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, LATE);
  });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}
