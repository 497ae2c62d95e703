export { gatewayName, gatewaysOf, readGateway } from './gateways.ts';
