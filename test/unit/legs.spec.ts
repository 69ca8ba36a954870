import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';

@Injectable()
class Pump {
  readonly state = 'idle';
}

@Injectable()
class Engine {
  constructor(readonly pump: Pump) {}
}

@Module({ providers: [Pump, Engine] })
class MachineModule {}

describe('the test legs', () => {
  it('emit the decorator metadata that Nest injects by', async () => {
    const module = await Test.createTestingModule({ imports: [MachineModule] }).compile();
    expect(module.get(Engine).pump).toBe(module.get(Pump));
    await module.close();
  });
});
