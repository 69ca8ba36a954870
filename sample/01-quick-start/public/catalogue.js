import { h } from './dom.js';
import { yuan } from './text.js';

const drawn = ['tea', 'mug', 'notebook', 'postcard'];
const limit = { min: 1, max: 99 };

/** The front page. `quantities` (a Map by sku) outlives a change of language. */
export function catalogue({ t, products, quantities, onBuy }) {
  return h(
    'section',
    { 'aria-labelledby': 'heading' },
    h(
      'div',
      { class: 'hero' },
      h('h1', { id: 'heading', tabindex: '-1' }, t.heading),
      h('p', {}, t.intro),
    ),
    h('ul', { class: 'grid' }, ...products.map((product) => card(product, t, quantities, onBuy))),
  );
}

function card(product, t, quantities, onBuy) {
  const { sku, priceFen } = product;
  const { name, text } = t.products[sku] ?? { name: product.name, text: '' };
  const read = () => quantities.get(sku) ?? 1;
  const picture = drawn.includes(sku) ? sku : 'postcard';
  const total = h('b', {});
  const buy = h('button', { class: 'primary', type: 'button', 'data-testid': `buy-${sku}` }, t.buy);
  const input = h('input', {
    type: 'number',
    inputmode: 'numeric',
    ...limit,
    'aria-label': t.quantity(name),
    'data-testid': `quantity-${sku}`,
  });
  const less = step(t.less(name), '−', () => show(read() - 1));
  const more = step(t.more(name), '+', () => show(read() + 1));
  const set = (quantity) => {
    const kept = Math.min(limit.max, Math.max(limit.min, Math.trunc(quantity) || limit.min));
    quantities.set(sku, kept);
    less.disabled = kept === limit.min;
    more.disabled = kept === limit.max;
    total.textContent = yuan(priceFen * kept);
    buy.setAttribute('aria-label', t.buyLabel(name, yuan(priceFen * kept)));
  };
  const show = (quantity) => {
    set(quantity);
    input.value = String(read());
  };
  input.addEventListener('input', () => set(Number(input.value)));
  input.addEventListener('change', () => show(Number(input.value)));
  buy.addEventListener('click', async () => {
    if (buy.getAttribute('aria-disabled') === 'true') return;
    show(Number(input.value));
    buy.setAttribute('aria-disabled', 'true');
    buy.textContent = t.ordering;
    await onBuy(sku, read());
    buy.removeAttribute('aria-disabled');
    buy.textContent = t.buy;
  });
  show(read());
  return h(
    'li',
    { class: 'card product', 'data-testid': `product-${sku}` },
    h('img', { src: `img/${picture}.svg`, alt: '', width: '240', height: '180' }),
    h(
      'div',
      { class: 'product-text' },
      h('h2', {}, name),
      h('p', { class: 'muted' }, text),
      h('p', { class: 'price' }, yuan(priceFen)),
    ),
    h(
      'div',
      { class: 'product-buy' },
      h('div', { class: 'stepper' }, less, input, more),
      h('output', { class: 'sum' }, h('span', {}, t.total), total),
      buy,
    ),
  );
}

function step(label, sign, act) {
  return h('button', { type: 'button', 'aria-label': label, onclick: act }, sign);
}
