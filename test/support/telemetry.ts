import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, ROOT_CONTEXT, trace, type Attributes } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';

/** One line of what Prometheus scrapes. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The OpenTelemetry SDK of an application: spans are kept in memory, metrics are scraped. */
export class Telemetry {
  readonly #memory = new InMemorySpanExporter();
  readonly #contexts = new AsyncLocalStorageContextManager().enable();
  readonly #prometheus = new PrometheusExporter({ preventServerStart: true });
  readonly #server: Server;
  readonly tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(this.#memory)],
  });
  readonly meterProvider = new MeterProvider({ readers: [this.#prometheus] });

  private constructor() {
    context.setGlobalContextManager(this.#contexts);
    this.#server = createServer((incoming, outgoing) =>
      this.#prometheus.getMetricsRequestHandler(incoming, outgoing),
    );
  }

  static async start(): Promise<Telemetry> {
    const telemetry = new Telemetry();
    await new Promise<void>((done) => telemetry.#server.listen(0, '127.0.0.1', done));
    return telemetry;
  }

  get providers() {
    const { tracerProvider, meterProvider } = this;
    return { tracerProvider, meterProvider };
  }

  /** Ended spans, in the order of their ends. */
  get spans(): readonly ReadableSpan[] {
    return this.#memory.getFinishedSpans();
  }

  named(name: string): ReadableSpan {
    const found = this.spans.filter((span) => span.name === name);
    const [span] = found;
    if (!span || found.length > 1) {
      const names = this.spans.map((each) => each.name).join(', ');
      throw new Error(`${found.length} spans are called ${name}: ${names}`);
    }
    return span;
  }

  clear(): void {
    this.#memory.reset();
  }

  /** Runs work in a span of the application. Gives the span's id and trace beside the result. */
  async inSpan<T>(work: () => Promise<T>) {
    const span = this.tracerProvider.getTracer('application').startSpan('request');
    try {
      const result = await context.with(trace.setSpan(ROOT_CONTEXT, span), work);
      return { ...span.spanContext(), result };
    } finally {
      span.end();
    }
  }

  /** Everything that is said of a span beside its place in the trace, as text. */
  textOf(span: ReadableSpan): string {
    const { name, attributes, status, events, links } = span;
    return JSON.stringify({ name, attributes, status, events, links });
  }

  /** What Prometheus gets. */
  scrapeText(): Promise<string> {
    const { port } = this.#server.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port, path: '/metrics' }, (incoming) => {
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (chunk: string) => (text += chunk));
        incoming.on('error', reject);
        incoming.on('end', () => resolve(text));
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  async scrape(): Promise<readonly Sample[]> {
    return (await this.scrapeText())
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map(parse);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    context.disable();
    await this.meterProvider.shutdown();
    await this.tracerProvider.shutdown();
  }
}

function parse(line: string): Sample {
  const [, name = '', listed = '', value = ''] =
    /^([\w:]+)(?:\{(.*)\})? (\S+)/.exec(line) ?? fail(line);
  const labels = [...listed.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, label = '', text = '']): [string, string] => [label, text],
  );
  return { name, labels: Object.fromEntries(labels), value: Number(value) };
}

function fail(line: string): never {
  throw new Error(`Prometheus would not read: ${line}`);
}

/** The values of these attributes, to compare with. */
export function pick(attributes: Attributes, ...names: string[]): Attributes {
  return Object.fromEntries(names.map((name) => [name, attributes[name]]));
}
