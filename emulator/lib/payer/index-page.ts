import type { EmulatorKeyState } from '../control/control.service.js';
import type { MerchantRecord } from '../keys/merchants.js';
import type { EmulatorNotificationRecord } from '../notifications/notification-entry.js';
import { textOf, type Order } from '../orders/order.js';
import { controlEndpoints } from '../control/control.endpoints.js';
import { html, yuan, type Html } from './html.js';
import { page } from './page.js';
import { textsFor, type Language, type Texts } from './texts.js';

/** What the start page shows. @internal */
export interface IndexView {
  readonly language: Language;
  readonly url: string;
  readonly mode: string;
  readonly merchants: readonly MerchantRecord[];
  readonly keys: EmulatorKeyState;
  readonly orders: readonly Order[];
  readonly notifications: readonly EmulatorNotificationRecord[];
}

/** The start page for people. @internal */
export function indexPage(view: IndexView): string {
  const texts = textsFor(view.language);
  const other = view.language === 'zh' ? 'en' : 'zh';
  const content = html`<div class="top">
      <span>${texts.emulator}</span>
      <a href="/emulator/?lang=${other}">${texts.other}</a>
    </div>
    <main class="wide">
      <h1>WeChat Pay Emulator</h1>
      <p class="lead"><code>${view.url}</code> · ${texts.mode}: ${view.mode}</p>
      <h2>${texts.orders}</h2>
      <div class="panel">${orders(view, texts)}</div>
      <h2>${texts.notifications}</h2>
      <div class="panel">${notifications(view, texts)}</div>
      <h2>${texts.keys}</h2>
      <div class="panel">${keys(view, texts)}</div>
      <h2>${texts.api}</h2>
      <div class="panel">${endpoints(view.language)}</div>
    </main>`;
  return page(texts, 'WeChat Pay Emulator', content, false);
}

function orders({ orders: list, language }: IndexView, texts: Texts): Html {
  if (list.length === 0) return html`<p>${texts.noOrders}</p>`;
  const rows = list.map((order) => {
    const { outTradeNo, state, totalFen } = order;
    return html`<tr>
      <td data-label="${texts.orderNo}"><code>${outTradeNo}</code></td>
      <td data-label="${texts.merchantNo}">${order.owner.mchid}</td>
      <td data-label="${texts.goods}">${textOf(order, 'description')}</td>
      <td data-label="${texts.method}">${order.product.toUpperCase()}</td>
      <td data-label="${texts.amount}" class="number">¥${yuan(totalFen)}</td>
      <td data-label="${texts.state}">
        <span class="badge ${state}">${texts.states[state]}</span>
      </td>
      <td data-label="">${state === 'NOTPAY' ? links(order, language, texts) : undefined}</td>
    </tr>`;
  });
  const { orderNo, merchantNo, goods, method, amount, state } = texts;
  return table([orderNo, merchantNo, goods, method, amount, state, ''], rows);
}

function links(order: Order, language: Language, texts: Texts): Html {
  const { codeUrl, prepayId } = order;
  const reference: Record<string, string> =
    codeUrl === undefined ? { prepay_id: prepayId } : { code_url: codeUrl };
  const query = new URLSearchParams({ ...reference, lang: language });
  const qr =
    codeUrl === undefined
      ? undefined
      : html`<a href="/emulator/qr?text=${encodeURIComponent(codeUrl)}">${texts.qr}</a>`;
  return html`<a href="/emulator/payer?${query.toString()}">${texts.open}</a> ${qr}`;
}

function notifications({ notifications: list }: IndexView, texts: Texts): Html {
  if (list.length === 0) return html`<p>${texts.noNotifications}</p>`;
  const rows = list.map(({ eventType, url, state, attempts }) => {
    const last = attempts.at(-1);
    const answer = last?.status ?? last?.error ?? '';
    return html`<tr>
      <td data-label="${texts.event}"><code>${eventType}</code></td>
      <td data-label="${texts.target}"><code>${url}</code></td>
      <td data-label="${texts.posts}">${attempts.length} · ${answer}</td>
      <td data-label="${texts.state}">
        <span class="badge ${state}">${texts.deliveries[state]}</span>
      </td>
    </tr>`;
  });
  return table([texts.event, texts.target, texts.posts, texts.state], rows);
}

function keys({ merchants, keys: state }: IndexView, texts: Texts): Html {
  const rows = [
    ...merchants.map(({ mchid, appids, serial }) =>
      row(`${texts.merchantNo} ${mchid}`, `${appids.join(', ')} · ${serial}`),
    ),
    row(texts.signing, state.signing),
    row(texts.publicKeyId, state.publicKeyId),
  ];
  return html`<table class="pairs">
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

function endpoints(language: Language): Html {
  const rows = controlEndpoints.map(({ request, en, zh }) =>
    row(request, language === 'zh' ? zh : en),
  );
  return html`<table class="pairs">
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

function row(name: string, value: string): Html {
  return html`<tr>
    <td><code>${name}</code></td>
    <td>${value}</td>
  </tr>`;
}

function table(head: readonly string[], rows: readonly Html[]): Html {
  return html`<table class="stack">
    <thead>
      <tr>
        ${head.map((name) => html`<th>${name}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}
