#include "redis/reply.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "redis/client.h"

namespace reflex::redis {
namespace {

constexpr std::uint16_t kNobody = 0xffff;

// CRC16-CCITT (XMODEM), as the Redis Cluster specification asks.
constexpr std::array<std::uint16_t, 256> MakeCrcTable() {
  std::array<std::uint16_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i << 8;
    for (int bit = 0; bit < 8; ++bit) value = (value & 0x8000u) != 0 ? (value << 1 ^ 0x1021u) & 0xffffu : value << 1 & 0xffffu;
    table[i] = static_cast<std::uint16_t>(value);
  }
  return table;
}
constexpr std::array<std::uint16_t, 256> kCrcTable = MakeCrcTable();

}  // namespace

std::uint16_t SlotOf(std::string_view key) {
  if (const std::size_t open = key.find('{'); open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  std::uint16_t crc = 0;
  for (const char c : key) {
    crc = static_cast<std::uint16_t>(crc << 8 ^ kCrcTable[(crc >> 8 ^ static_cast<std::uint8_t>(c)) & 0xff]);
  }
  return crc % kSlots;
}

Result<Endpoint> EndpointOf(std::string_view host, std::string_view port) {
  Endpoint endpoint{.host = std::string(host), .port = 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (host.empty() || error != std::errc() || end != port.data() + port.size() || endpoint.port == 0) {
    return Fail(ErrorCode::kProtocol, "the Redis server named a server that has no address");
  }
  return endpoint;
}

Result<Endpoint> TargetOfMove(std::string_view error) {
  const std::size_t space = error.rfind(' ');
  const std::size_t colon = error.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) {
    return Fail(ErrorCode::kProtocol, "the Redis server moved a key to no address");
  }
  return EndpointOf(error.substr(space + 1, colon - space - 1), error.substr(colon + 1));
}

Result<SlotMap> SlotMapOf(const Value& reply, std::string_view asked_host) {
  if (reply.is_error()) return Fail(ErrorCode::kUnavailable, "the Redis server says " + reply.text);
  if (!reply.is_array()) return Fail(ErrorCode::kProtocol, "the Redis server tells no slots");
  SlotMap map;
  map.node_of_slot.assign(kSlots, kNobody);
  for (const Value& range : reply.items) {
    if (!range.is_array() || range.items.size() < 3 || !range.items[2].is_array() || range.items[2].items.size() < 2) {
      return Fail(ErrorCode::kProtocol, "the Redis server tells slots in another form");
    }
    const std::int64_t first = range.items[0].integer, last = range.items[1].integer;
    if (first < 0 || last < first || last >= kSlots) return Fail(ErrorCode::kProtocol, "the Redis server tells impossible slots");
    const std::string_view named = range.items[2].items[0].text;
    REFLEX_TRY(Endpoint node, EndpointOf(named.empty() ? asked_host : named, std::to_string(range.items[2].items[1].integer)));
    const auto found = std::find(map.nodes.begin(), map.nodes.end(), node);
    const auto index = static_cast<std::uint16_t>(found - map.nodes.begin());
    if (found == map.nodes.end()) map.nodes.push_back(std::move(node));
    std::fill(map.node_of_slot.begin() + first, map.node_of_slot.begin() + last + 1, index);
  }
  if (std::find(map.node_of_slot.begin(), map.node_of_slot.end(), kNobody) != map.node_of_slot.end()) {
    return Fail(ErrorCode::kUnavailable, "the cluster has slots that no node holds");
  }
  return map;
}

}  // namespace reflex::redis
