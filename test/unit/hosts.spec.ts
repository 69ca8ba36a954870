import { describe, expect, it } from '@jest/globals';
import {
  DEFAULT_BACKUP_URL,
  DEFAULT_BASE_URL,
  isLoopback,
  parseBaseUrl,
  splitPlatformUrl,
} from '../../lib/transport/index.js';

describe('base URLs', () => {
  it.each([
    ['https://api.mch.weixin.qq.com', 'https://api.mch.weixin.qq.com'],
    ['https://API.mch.weixin.qq.com:443/', 'https://api.mch.weixin.qq.com'],
    ['https://gateway.example:8443', 'https://gateway.example:8443'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
    ['http://localhost:3000/', 'http://localhost:3000'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
  ])('%s is the origin %s', (url, origin) => {
    expect(parseBaseUrl(url)).toBe(origin);
  });

  it.each([
    '',
    'api.mch.weixin.qq.com',
    '//api.mch.weixin.qq.com',
    'http://api.mch.weixin.qq.com',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
    'http://10.0.0.1',
    'http://0.0.0.0',
    'ftp://127.0.0.1',
    'file:///x',
    'https://a.example/path',
    'https://a.example/?q',
    'https://a.example/#f',
    'https://user@a.example',
    'https://user:secret@a.example',
    'https://',
  ])('%j is refused', (url) => {
    expect(() => parseBaseUrl(url)).toThrow(TypeError);
    try {
      parseBaseUrl(url);
    } catch (error) {
      expect(String(error)).not.toContain('secret');
    }
  });
});

describe('loopback', () => {
  it.each(['localhost', '127.0.0.1', '127.255.255.254', '::1', '[::1]'])('%s is', (host) =>
    expect(isLoopback(host)).toBe(true),
  );
  it.each([
    '',
    'localhost.',
    'localhost.example',
    '127.0.0.1.example',
    '128.0.0.1',
    '0.0.0.0',
    'x127.0.0.1',
    '[::2]',
    '1.127.0.0.1',
  ])('%s is not', (host) => expect(isLoopback(host)).toBe(false));
});

describe('URLs that the platform hands out', () => {
  const configured = ['https://gateway.example:8443'];

  it.each([
    [
      `${DEFAULT_BASE_URL}/v3/billdownload/file?token=a%2Bb==`,
      DEFAULT_BASE_URL,
      '/v3/billdownload/file?token=a%2Bb==',
    ],
    [`${DEFAULT_BACKUP_URL}/x`, DEFAULT_BACKUP_URL, '/x'],
    ['https://api.wechatpay.cn/x#f', 'https://api.wechatpay.cn', '/x'],
    ['https://gateway.example:8443/x', 'https://gateway.example:8443', '/x'],
  ])('%s is taken as it stands', (url, origin, target) => {
    expect(splitPlatformUrl(url, configured)).toEqual({ origin, target });
  });

  it.each([
    'https://gateway.example/x',
    'http://gateway.example:8443/x',
    'https://evil.example',
    'https://api.wechatpay.cn.evil.example/x',
    'https://xapi.wechatpay.cn/x',
    'https://api.wechatpay.cn:444/x',
    'https://a@api.wechatpay.cn/x',
    'https://:b@api.wechatpay.cn/x',
    'blob:https://api.wechatpay.cn/x',
    'x',
    '',
  ])('%s is refused', (url) => {
    expect(() => splitPlatformUrl(url, configured)).toThrow(
      expect.objectContaining({ code: 'HOST_NOT_ALLOWED' }),
    );
  });
});
