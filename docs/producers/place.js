// Places an order with KafkaJS and waits for the decision.
//
// usage: node place.js BROKERS ORDER_ID
const { Kafka, logLevel } = require("kafkajs");
const { randomUUID } = require("crypto");

const [brokers, orderId] = process.argv.slice(2);
const kafka = new Kafka({
  clientId: "place",
  brokers: brokers.split(","),
  logLevel: logLevel.ERROR,
});

const order = {
  order_id: orderId,
  customer: { name: "Ada", email: "ada@example.com" },
  currency: "GBP",
  payment_method: "pm_card_visa",
  lines: [{ sku: "22350", name: "CAT BOWL", quantity: 2, unit_price: 255 }],
};

async function main() {
  const consumer = kafka.consumer({ groupId: `place-${randomUUID()}` });
  await consumer.connect();
  await consumer.subscribe({ topic: "orders", fromBeginning: true });
  const decision = new Promise((resolve) => {
    consumer.run({
      eachMessage: async ({ message }) => {
        if (message.key.toString() !== orderId) return;
        const type = message.headers.ce_type.toString();
        console.log(type, "correlation", message.headers.ce_correlationid.toString());
        if (["order.confirmed", "order.cancelled", "order.rejected"].includes(type)) resolve();
      },
    });
  });

  // The order id is the idempotency key: placed again with the same content it is the same order.
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  await producer.send({
    topic: "orders.commands",
    acks: -1,
    messages: [{
      key: orderId,
      value: JSON.stringify(order),
      headers: { ce_type: "order.place", ce_correlationid: "web-4712" },
    }],
  });
  await producer.disconnect();
  await decision;
  await consumer.disconnect();
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
