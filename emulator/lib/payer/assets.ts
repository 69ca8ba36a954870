/** The style sheet of all pages. @internal */
export const styleSheet = `
:root { --green: #07c160; --green-dark: #06ad56; --ink: #1a1a1a; --soft: #6b7280; --line: #ececec; --ground: #ededed; --card: #fff; --warn: #b45309; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 -apple-system, BlinkMacSystemFont, "Segoe UI", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Helvetica Neue", Arial, sans-serif; -webkit-font-smoothing: antialiased; }
a { color: #0b7a43; text-decoration: none; }
a:hover { text-decoration: underline; }
a:focus-visible, button:focus-visible { outline: 3px solid #07c16066; outline-offset: 2px; }
.top { display: flex; justify-content: space-between; gap: 12px; padding: 10px 16px; font-size: 13px; color: var(--soft); background: #f7f7f7; border-bottom: 1px solid var(--line); }
.top a { white-space: nowrap; }
.phone { max-width: 430px; margin: 0 auto; min-height: 100vh; display: flex; flex-direction: column; background: #f7f7f7; }
@media (min-width: 600px) { .phone { margin: 40px auto; min-height: 700px; border-radius: 20px; overflow: hidden; box-shadow: 0 12px 40px #0000001f; } }
.pay { flex: 1; display: flex; flex-direction: column; padding: 28px 20px 24px; }
#form { flex: 1; display: flex; flex-direction: column; }
.shop { text-align: center; }
.avatar { width: 56px; height: 56px; margin: 0 auto 10px; border-radius: 14px; background: var(--green); color: #fff; display: grid; place-items: center; font-size: 26px; font-weight: 600; }
.shop small { color: var(--soft); display: block; }
.shop strong { font-weight: 600; overflow-wrap: anywhere; }
.amount { text-align: center; font-size: 46px; font-weight: 600; line-height: 1.1; margin: 22px 0 26px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.amount span { font-size: 28px; margin-right: 4px; }
.facts { background: var(--card); border-radius: 12px; padding: 4px 16px; margin: 0; font-size: 15px; }
.facts div { display: flex; justify-content: space-between; gap: 20px; padding: 12px 0; border-bottom: 1px solid var(--line); }
.facts div:last-child { border-bottom: 0; }
.facts dt { color: var(--soft); flex: none; }
.facts dd { margin: 0; text-align: right; overflow-wrap: anywhere; min-width: 0; }
.actions { margin-top: auto; padding-top: 28px; display: grid; gap: 12px; }
button, .button { display: block; width: 100%; border: 0; border-radius: 10px; padding: 14px 18px; font: inherit; font-weight: 600; text-align: center; cursor: pointer; }
.primary { background: var(--green); color: #fff; }
.primary:hover { background: var(--green-dark); text-decoration: none; }
.plain { background: #e9e9e9; color: var(--ink); }
.plain:hover { background: #dedede; text-decoration: none; }
button[disabled] { opacity: .6; cursor: default; }
.result { text-align: center; padding: 40px 8px 8px; }
.result h1 { font-size: 22px; margin: 16px 0 6px; }
.result p { color: var(--soft); margin: 0 0 26px; }
.result p.amount { color: var(--ink); }
.sign { width: 72px; height: 72px; border-radius: 50%; margin: 0 auto; display: grid; place-items: center; font-size: 38px; color: #fff; background: var(--green); }
.sign.off { background: #b8b8b8; }
[hidden] { display: none !important; }
.wide { max-width: 1080px; margin: 0 auto; padding: 24px 16px 60px; }
.wide h1 { font-size: 24px; margin: 0 0 4px; }
.wide h2 { font-size: 17px; margin: 30px 0 10px; }
.lead { color: var(--soft); margin: 0; }
.panel { background: var(--card); border-radius: 12px; overflow-x: auto; }
.panel p { margin: 0; padding: 18px 16px; color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 11px 16px; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-weight: 500; white-space: nowrap; }
td a + a { margin-left: 12px; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.badge { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 13px; background: #eee; color: #555; white-space: nowrap; }
.badge.SUCCESS, .badge.delivered { background: #e2f7ec; color: #05753b; }
.badge.NOTPAY, .badge.pending { background: #fff3dc; color: var(--warn); }
.badge.REFUND { background: #e8effd; color: #1d4fb8; }
@media (max-width: 640px) { .pairs td { display: block; border: 0; padding: 2px 16px; } .pairs tr { display: block; padding: 10px 0; border-bottom: 1px solid var(--line); } .pairs tr:last-child { border-bottom: 0; } .stack thead { display: none; } .stack tr { display: block; padding: 10px 0; border-bottom: 1px solid var(--line); } .stack tr:last-child { border-bottom: 0; } .stack td { display: flex; justify-content: space-between; gap: 16px; border: 0; padding: 4px 16px; text-align: right; } .stack td::before { content: attr(data-label); color: var(--soft); flex: none; text-align: left; } }
`.trim();

/** The script of the payer page: one button pays, one cancels. @internal */
export const payerScript = `
(() => {
  'use strict';
  const page = document.querySelector('[data-order]');
  if (page === null) return;
  const pay = document.getElementById('pay');
  const cancel = document.getElementById('cancel');
  const form = document.getElementById('form');
  const show = (name, hint) => {
    form.hidden = true;
    const result = document.getElementById(name);
    result.hidden = false;
    if (hint) result.querySelector('p').textContent = hint;
    result.querySelector('h1').focus();
  };
  pay.addEventListener('click', async () => {
    pay.disabled = true;
    cancel.disabled = true;
    pay.textContent = page.dataset.paying;
    try {
      const answer = await fetch('/emulator/pay', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: page.dataset.order,
      });
      if (answer.ok) show('paid');
      else {
        const { code, message } = await answer.json();
        const reasons = JSON.parse(page.dataset.reasons);
        show('failed', Object.hasOwn(reasons, code) ? reasons[code] : message);
      }
    } catch (error) {
      show('failed', String(error));
    }
  });
  cancel.addEventListener('click', () => show('cancelled'));
})();
`.trim();
