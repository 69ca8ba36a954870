import type { MerchantRecord } from '../keys/merchants.js';
import { textOf, type Order } from '../orders/order.js';
import { Html, html, yuan } from './html.js';
import { page } from './page.js';
import { textsFor, type Language, type Texts } from './texts.js';

/** What the payer page needs to know. @internal */
export interface PayerView {
  readonly language: Language;
  /** The same page in the other language. */
  readonly otherUrl: string;
  readonly order: Order | undefined;
  readonly merchant: MerchantRecord | undefined;
  /** What the pay button posts. */
  readonly reference: Readonly<Record<string, string>>;
  /** Whether the code, the page or the prepay id is too old to pay with. */
  readonly isExpired: boolean;
  /** Where the merchant wants the payer back. */
  readonly backUrl: string | undefined;
}

/** The page on which a person pays. @internal */
export function payerPage(view: PayerView): string {
  const texts = textsFor(view.language);
  const content = html`<main class="phone">
    <div class="top">
      <span>${texts.emulator}</span>
      <a href="${view.otherUrl}" hreflang="${view.language === 'zh' ? 'en' : 'zh-CN'}"
        >${texts.other}</a
      >
    </div>
    ${body(view, texts)}
  </main>`;
  return page(texts, texts.title, content, true);
}

function body(view: PayerView, texts: Texts): Html {
  const { order } = view;
  if (order === undefined) return still(texts.missing, texts.missingHint, false, view, texts);
  switch (order.state) {
    case 'SUCCESS':
      return still(texts.paid, texts.paidHint, true, view, texts);
    case 'REFUND':
      return still(texts.refunded, texts.refundedHint, false, view, texts);
    case 'CLOSED':
      return still(texts.closed, texts.closedHint, false, view, texts);
    default:
      if (view.isExpired) return still(...texts.expired[order.product], false, view, texts);
      return form(view, order, texts);
  }
}

function form(view: PayerView, order: Order, texts: Texts): Html {
  const shop = view.merchant?.name ?? order.owner.mchid;
  return html`<div
    class="pay"
    data-order="${JSON.stringify(view.reference)}"
    data-paying="${texts.paying}"
    data-reasons="${JSON.stringify(reasons(order, texts))}"
  >
    <div id="form">
      <div class="shop">
        <div class="avatar" aria-hidden="true">${[...shop][0] ?? ''}</div>
        <small>${texts.payTo}</small>
        <strong>${shop}</strong>
      </div>
      <p class="amount"><span>¥</span>${yuan(order.totalFen)}</p>
      <dl class="facts">
        ${fact(texts.goods, textOf(order, 'description') ?? '')}
        ${fact(texts.orderNo, order.outTradeNo)}
        ${fact(texts.merchantNo, order.owner.subMchid ?? order.owner.mchid)}
        ${fact(texts.method, order.product.toUpperCase())}
      </dl>
      <div class="actions">
        <button id="pay" class="primary" type="button">${texts.pay}</button>
        <button id="cancel" class="plain" type="button">${texts.cancel}</button>
      </div>
    </div>
    ${outcome('paid', texts.paid, texts.paidHint, true, view, texts)}
    ${outcome('cancelled', texts.cancelled, texts.cancelledHint, false, view, texts)}
    ${outcome('failed', texts.failed, '', false, view, texts)}
  </div>`;
}

/** What the script says when the platform refuses, by code, in the reader's language. */
function reasons(order: Order, texts: Texts): Readonly<Record<string, string>> {
  return {
    ORDERPAID: texts.paid,
    ORDER_CLOSED: texts.closedHint,
    ORDER_NOT_EXIST: texts.missingHint,
    INVALID_REQUEST: texts.expired[order.product].join(' '),
  };
}

function fact(name: string, value: string): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}

/** A result that the script uncovers. */
function outcome(
  id: string,
  title: string,
  hint: string,
  isGood: boolean,
  view: PayerView,
  texts: Texts,
): Html {
  return html`<section id="${id}" class="result" role="status" hidden>
    ${resultBody(title, hint, isGood, view, texts)}
  </section>`;
}

function still(title: string, hint: string, isGood: boolean, view: PayerView, texts: Texts): Html {
  return html`<div class="pay">
    <section class="result">${resultBody(title, hint, isGood, view, texts)}</section>
  </div>`;
}

function resultBody(
  title: string,
  hint: string,
  isGood: boolean,
  { backUrl, order }: PayerView,
  texts: Texts,
): Html {
  const amount =
    isGood && order !== undefined
      ? html`<p class="amount"><span>¥</span>${yuan(order.totalFen)}</p>`
      : undefined;
  const back =
    backUrl === undefined
      ? html`<a class="button plain" href="/emulator/">${texts.home}</a>`
      : html`<a class="button primary" rel="noreferrer" href="${backUrl}">${texts.back}</a>`;
  return html`<div class="sign ${isGood ? '' : 'off'}" aria-hidden="true">
      ${isGood ? '✓' : '!'}
    </div>
    <h1 tabindex="-1">${title}</h1>
    <p>${hint}</p>
    ${amount} ${back}`;
}
