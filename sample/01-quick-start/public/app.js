import { fetchOrder, fetchProducts, followOrder, placeOrder, requestRefund } from './api.js';
import { catalogue } from './catalogue.js';
import { h } from './dom.js';
import { orderPage, phaseOf } from './order.js';
import { initialLanguage, other, remember, textIn } from './text.js';

const view = document.querySelector('#view');
const notice = document.querySelector('#notice');
const live = document.querySelector('#live');
const languageButton = document.querySelector('#language');

const quantities = new Map();
let language = initialLanguage();
let t = textIn(language);
let products;
/** What is on the page: `render` draws it again in another language, `leave` ends what it started. */
let page = { render: () => {}, leave: () => {} };

languageButton.addEventListener('click', () => {
  language = other(language);
  remember(language);
  frame();
  hideNotice();
  page.render();
});
document.querySelector('#skip').addEventListener('click', (event) => {
  event.preventDefault();
  view.focus();
});
addEventListener('hashchange', () => void go(true));

frame();
void go(false);

/** The texts around the page. */
function frame() {
  t = textIn(language);
  document.documentElement.lang = language;
  document.title = t.title;
  document.querySelector('#brand-name').textContent = t.title;
  document.querySelector('#skip').textContent = t.skip;
  document.querySelector('#foot').textContent = t.foot;
  languageButton.textContent = t.otherLanguage;
  languageButton.lang = other(language);
  languageButton.setAttribute('aria-label', t.otherLanguageLabel);
}

/** Shows what the address names: the catalogue, or an order. */
async function go(movesFocus) {
  page.leave();
  page = { render: () => {}, leave: () => {} };
  document.title = t.title;
  hideNotice();
  const outTradeNo = /^#\/orders\/([\w|*-]{6,32})$/.exec(location.hash)?.[1];
  view.replaceChildren(h('p', { class: 'muted loading' }, t.loading));
  await (outTradeNo ? showOrder(outTradeNo) : showCatalogue());
  if (movesFocus) {
    scrollTo(0, 0);
    focusHeading();
  }
}

async function showCatalogue() {
  const here = page;
  try {
    products ??= await fetchProducts();
  } catch (error) {
    if (here === page) showFailure(error, 'networkError');
    return;
  }
  if (here !== page) return;
  here.render = () => view.replaceChildren(catalogue({ t, products, quantities, onBuy: buy }));
  here.render();
}

async function buy(sku, quantity) {
  hideNotice();
  try {
    const { outTradeNo } = await placeOrder(sku, quantity);
    location.hash = `#/orders/${outTradeNo}`;
  } catch (error) {
    showNotice(explain(error, error.status === 400 ? t.badRequest : t.orderError), error.message);
  }
}

async function showOrder(outTradeNo) {
  const here = page;
  let order;
  try {
    order = await fetchOrder(outTradeNo);
  } catch (error) {
    if (here === page) showFailure(error, error.status === 404 ? 'notFound' : 'networkError');
    return;
  }
  if (here !== page) return;
  let isLinked = true;
  here.render = () => {
    const hadFocus = view.contains(document.activeElement);
    view.replaceChildren(orderPage({ t, language, order, isLinked, onRefund: refund }));
    document.title = `${t[phaseOf(order)]} · ${t.title}`;
    if (hadFocus) focusHeading();
  };
  const update = (next) => {
    const before = phaseOf(order);
    if (JSON.stringify(next) === JSON.stringify(order)) return;
    order = next;
    here.render();
    if (phaseOf(order) === before) return;
    live.textContent = t[phaseOf(order)];
    hideNotice();
  };
  const refund = async () => {
    hideNotice();
    try {
      update(await requestRefund(outTradeNo));
    } catch (error) {
      showNotice(explain(error, t.refundError), error.message);
    }
  };
  here.render();
  here.leave = followOrder(outTradeNo, {
    onOrder: update,
    onLink: (linked) => {
      if (linked === isLinked) return;
      isLinked = linked;
      view.querySelector('.link-state').hidden = linked;
    },
    onGone: () => showFailure({ status: 404 }, 'notFound'),
  });
}

const explain = (error, text) => (error.status === 0 ? t.networkError : text);

/** The page could not be shown at all. */
function showFailure(error, key) {
  page.leave();
  page = { render: () => showFailure(error, key), leave: () => {} };
  const again = h(
    'button',
    { class: 'primary', type: 'button', onclick: () => void go(true) },
    t.retry,
  );
  const back = h('a', { class: 'primary', href: '#/' }, t.back);
  view.replaceChildren(
    h(
      'div',
      { class: 'card failure', role: 'alert', 'data-testid': 'failure' },
      h('h1', { id: 'heading', tabindex: '-1' }, t[key]),
      error.status === 404 ? back : again,
    ),
  );
}

function showNotice(text, detail) {
  const close = h('button', { type: 'button', 'aria-label': t.close, onclick: hideNotice }, '×');
  const more = detail && h('span', { class: 'notice-detail' }, detail);
  notice.replaceChildren(h('p', {}, text, more || undefined), close);
  notice.hidden = false;
  notice.scrollIntoView({ block: 'nearest' });
}

function hideNotice() {
  notice.hidden = true;
  notice.replaceChildren();
}

function focusHeading() {
  view.querySelector('#heading')?.focus();
}
