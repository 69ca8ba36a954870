/** A request that failed. `status` is 0 when the shop did not answer at all. */
export class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const timeoutMs = 15_000;

async function call(path, init = {}) {
  let response;
  try {
    response = await fetch(path, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    throw new RequestError(0, String(error));
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new RequestError(response.status, answer.message ?? '');
  return answer;
}

const orderPath = (outTradeNo) => `/orders/${encodeURIComponent(outTradeNo)}`;

export const fetchProducts = () => call('/products');
export const placeOrder = (sku, quantity) =>
  call('/orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sku, quantity }),
  });
export const fetchOrder = (outTradeNo) => call(orderPath(outTradeNo));
export const requestRefund = (outTradeNo) =>
  call(`${orderPath(outTradeNo)}/refund`, { method: 'POST' });
export const qrPath = (outTradeNo) => `${orderPath(outTradeNo)}/qr.svg`;

/**
 * Follows an order. The browser reconnects by itself while it may; when it gives up, the order is
 * asked for again, so that a restarted shop is told from a broken network.
 */
export function followOrder(outTradeNo, { onOrder, onLink, onGone }) {
  let source;
  let timer;
  let stopped = false;
  const open = () => {
    source = new EventSource(`${orderPath(outTradeNo)}/events`);
    source.onopen = () => onLink(true);
    source.onmessage = (event) => onOrder(JSON.parse(event.data));
    source.onerror = () => {
      onLink(false);
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(again, 2000);
    };
  };
  const again = async () => {
    const gone = await fetchOrder(outTradeNo).then(
      () => false,
      (error) => error.status === 404,
    );
    if (stopped) return;
    if (gone) onGone();
    else open();
  };
  open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    source.close();
  };
}
