import { createShop } from './shop.js';

const app = await createShop();
await app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
