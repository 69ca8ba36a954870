import { Agent } from 'undici';

/** A connection pool that counts what a merchant asks for, by method and path. */
export class CountingDispatcher {
  readonly requests: { readonly line: string; readonly mchid: string | undefined }[] = [];
  private readonly agent = new Agent();

  dispatch(options: never, handler: never): boolean {
    const { method, path, headers } = options as {
      method: string;
      path: string;
      headers?: readonly string[];
    };
    const [, mchid] = /mchid="(\d+)"/.exec((headers ?? []).join(' ')) ?? [];
    this.requests.push({ line: `${method} ${path}`, mchid });
    return this.agent.dispatch(options, handler);
  }

  /** How often platform certificates were asked for, by anyone or by one merchant. */
  downloads(mchid?: string): number {
    return this.requests.filter(
      (request) =>
        request.line === 'GET /v3/certificates' && (mchid === undefined || request.mchid === mchid),
    ).length;
  }

  close(): Promise<void> {
    return this.agent.destroy();
  }
}
