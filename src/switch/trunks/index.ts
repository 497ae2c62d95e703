export { gatewayName, readGateway } from './gateways.ts';
