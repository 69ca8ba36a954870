import { h, icon } from './dom.js';
import { clockTime, yuan } from './text.js';
import { qrPath } from './api.js';

const tick = () => icon('M5 12.5l4.5 4.5L19 7.5');
const arrowBack = () => icon('M4 9h10a5 5 0 0 1 0 10h-4', 'M8 4.5L3.5 9 8 13.5');
const clock = () => icon('M12 7v5l3.5 2', 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z');
const warning = () => icon('M12 4L2.5 20h19z', 'M12 10v4.5', 'M12 17.2v.1');

/** What the page says about an order: one of five phases. */
export function phaseOf(order) {
  if (order.state === 'REFUND') return 'refunded';
  if (order.state === 'NOTPAY') return 'waiting';
  if (order.refund === 'PROCESSING') return 'refunding';
  return order.refund === undefined ? 'paid' : 'refundFailed';
}

export function orderPage({ t, language, order, isLinked, onRefund }) {
  const phase = phaseOf(order);
  return h(
    'section',
    { 'aria-labelledby': 'heading' },
    h('a', { class: 'back', href: '#/', 'data-testid': 'back' }, `← ${t.back}`),
    h(
      'div',
      { class: 'order' },
      stage(phase, { t, language, order, isLinked, onRefund }),
      side(phase, { t, language, order }),
    ),
  );
}

/** The large panel: the code to pay, or what came of it. */
function stage(phase, { t, language, order, isLinked, onRefund }) {
  const payer = order.payerUrl && `${order.payerUrl}&lang=${language.slice(0, 2)}`;
  const heading = h(
    'h1',
    { id: 'heading', tabindex: '-1', 'data-testid': 'order-state', 'data-state': order.state },
    t[phase],
  );
  const amount = h('p', { class: 'amount', 'data-testid': 'amount' }, yuan(order.amountFen));
  const hint = phase === 'waiting' && payer ? t.waitingHintLocal : t[`${phase}Hint`];
  const link = h('p', { class: 'link-state', hidden: isLinked }, t.reconnecting);
  const parts =
    phase === 'waiting'
      ? [
          h('div', { class: 'pulse-row' }, h('span', { class: 'pulse' }), heading),
          amount,
          qr(t, order, payer),
        ]
      : [sign(phase), heading, amount];
  return h(
    'div',
    { class: `card stage is-${phase}` },
    ...parts,
    h('p', { class: 'muted hint' }, hint),
    link,
    ...actions(phase, t, payer, onRefund),
  );
}

function qr(t, order, payer) {
  const image = h('img', {
    src: qrPath(order.outTradeNo),
    alt: t.qrAlt,
    width: '232',
    height: '232',
    'data-testid': 'qr',
    onerror: () => image.replaceWith(h('p', { class: 'qr-failed' }, t.qrFailed)),
  });
  if (!payer) return h('div', { class: 'qr' }, image);
  return h(
    'a',
    { class: 'qr', href: payer, target: '_blank', rel: 'noopener', tabindex: '-1' },
    image,
  );
}

function actions(phase, t, payer, onRefund) {
  if (phase === 'waiting') {
    if (!payer) return [];
    const attributes = {
      class: 'primary wide',
      href: payer,
      target: '_blank',
      rel: 'noopener',
      'data-testid': 'payer-link',
    };
    return [h('a', attributes, t.payerLink, h('span', { class: 'unseen' }, t.newTab))];
  }
  const shop = h('a', { class: 'primary wide', href: '#/', 'data-testid': 'again' }, t.again);
  if (phase !== 'paid') return [shop];
  const refund = h(
    'button',
    { class: 'secondary wide', type: 'button', 'data-testid': 'refund' },
    t.refund,
  );
  refund.addEventListener('click', async () => {
    if (refund.getAttribute('aria-disabled') === 'true') return;
    refund.setAttribute('aria-disabled', 'true');
    refund.textContent = t.refundSending;
    await onRefund();
    refund.removeAttribute('aria-disabled');
    refund.textContent = t.refund;
  });
  return [shop, refund];
}

function sign(phase) {
  const drawn = { paid: tick, refunding: clock, refunded: arrowBack, refundFailed: warning };
  return h('div', { class: 'sign' }, drawn[phase]());
}

/** The small panel: what was ordered, and how far it is. */
function side(phase, { t, language, order }) {
  const name = t.products[order.sku]?.name ?? order.name;
  const at = (iso) => iso && clockTime(iso, language);
  const steps = [step(t.stepOrdered, 'payments.native.prepay', at(order.createdAt))];
  if (order.paidAt || order.state !== 'REFUND') {
    steps.push(step(t.stepPaid, 'TRANSACTION.SUCCESS', at(order.paidAt)));
  }
  if (phase === 'refunding') steps.push(step(t.stepRefundAccepted, 'refunds.create', '…'));
  if (phase === 'refunding' || phase === 'refunded') {
    steps.push(step(t.stepRefunded, 'REFUND.SUCCESS', at(order.refundedAt)));
  }
  return h(
    'aside',
    { class: 'card side' },
    h('h2', {}, t.summary),
    h(
      'dl',
      {},
      ...row(t.item, h('span', {}, `${name} × ${order.quantity}`)),
      ...row(t.amount, h('span', {}, yuan(order.amountFen))),
      ...row(t.orderNumber, code(order.outTradeNo, 'order-number')),
      ...(order.transactionId
        ? row(t.transactionNumber, code(order.transactionId, 'transaction-id'))
        : []),
    ),
    h('h2', {}, t.steps),
    h('ol', { class: 'steps' }, ...steps),
  );
}

const row = (term, value) => [h('dt', {}, term), h('dd', {}, value)];
const code = (text, id) => h('code', { 'data-testid': id }, text);

function step(title, event, time) {
  return h(
    'li',
    { class: time ? 'done' : undefined },
    h('span', { class: 'step-title' }, title),
    h('code', {}, event),
    h('span', { class: 'step-time' }, time ?? ''),
  );
}
