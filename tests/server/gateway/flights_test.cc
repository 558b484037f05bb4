#include "gateway/flights.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace reflex::gateway {
namespace {

std::shared_ptr<Flight> NewFlight(http::IoThread& io) {
  auto flight = std::make_shared<Flight>(io, 1 << 20);
  flight->flight_key.bytes[0] = 1;
  flight->listed = true;
  return flight;
}

FlightReply::ReaderPtr NewReader() {
  auto reader = std::make_shared<FlightReply::Reader>();
  reader->wake = [] {};
  return reader;
}

EntryPtr Nothing() { return nullptr; }

TEST(Flights, TheFirstStartsAndTheOthersJoin) {
  http::IoThread io;
  Flights flights;
  const auto mine = NewFlight(io);
  EXPECT_TRUE(flights.JoinOrStart(mine, NewReader(), Nothing).started);
  const auto second = flights.JoinOrStart(NewFlight(io), NewReader(), [] { return std::make_shared<Entry>(); });
  EXPECT_FALSE(second.started);
  EXPECT_EQ(second.flight, mine);
  EXPECT_EQ(second.stored, nullptr);  // A flight that is listed is not looked past.
  flights.Remove(*mine);
  EXPECT_TRUE(flights.JoinOrStart(NewFlight(io), NewReader(), Nothing).started);
}

TEST(Flights, WhatWasStoredMeanwhileNeedsNoFlight) {
  http::IoThread io;
  Flights flights;
  const auto entry = std::make_shared<Entry>();
  const auto found = flights.JoinOrStart(NewFlight(io), NewReader(), [&] { return entry; });
  EXPECT_EQ(found.stored, entry);
  EXPECT_EQ(found.flight, nullptr);
  EXPECT_FALSE(found.started);
  EXPECT_TRUE(flights.JoinOrStart(NewFlight(io), NewReader(), Nothing).started);  // It left nothing behind.
}

TEST(Flights, SoManyMayWaitForOtherGatewaysAndNoMore) {
  Flights flights;
  for (std::size_t i = 0; i < Flights::kWaitingMax; ++i) EXPECT_TRUE(flights.BeginWait());
  EXPECT_FALSE(flights.BeginWait());
  EXPECT_FALSE(flights.BeginWait());
  flights.EndWait();
  EXPECT_TRUE(flights.BeginWait());
  EXPECT_FALSE(flights.BeginWait());
}

// Whoever starts stores, then takes its flight out, as a call does: however threads meet, the answer is made once.
TEST(Flights, AnAnswerIsMadeOnceHoweverThreadsMeet) {
  http::IoThread io;
  for (int round = 0; round < 300; ++round) {
    Flights flights;
    std::atomic<int> made{0};
    std::atomic<bool> stored{false};
    const auto look = [&]() -> EntryPtr { return stored.load() ? std::make_shared<Entry>() : nullptr; };
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        const auto mine = NewFlight(io);
        if (!flights.JoinOrStart(mine, NewReader(), look).started) return;
        made.fetch_add(1);
        stored.store(true);
        flights.Remove(*mine);
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(made.load(), 1);
  }
}

}  // namespace
}  // namespace reflex::gateway
