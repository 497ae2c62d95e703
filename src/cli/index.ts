export { help, readArguments, type Arguments } from './arguments.ts';
export { mainAddress } from './main-address.ts';
export { phoneSettings, type Listener, type PhoneUser } from './phone-settings.ts';
