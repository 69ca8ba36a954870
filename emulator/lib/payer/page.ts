import { html, type Html } from './html.js';
import type { Texts } from './texts.js';

/** A whole document. @internal */
export function page(texts: Texts, title: string, content: Html, withScript: boolean): string {
  const script = withScript
    ? html`<script src="/emulator/assets/payer.js" defer></script>`
    : undefined;
  return html`<!doctype html>
    <html lang="${texts.htmlLang}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/emulator/assets/style.css" />
        ${script}
      </head>
      <body>
        ${content}
      </body>
    </html> `.text;
}
