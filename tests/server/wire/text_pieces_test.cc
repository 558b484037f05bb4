#include "wire/text_pieces.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/wire/tree.h"

namespace reflex::wire {
namespace {

std::vector<std::string> Pieces(std::string_view text, std::size_t bytes = 16) {
  std::vector<std::string> pieces;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = PieceEnd(text, begin, bytes);
    EXPECT_GT(end, begin);
    pieces.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return pieces;
}

TEST(PieceEnd, CutsBeforeWords) {
  EXPECT_EQ(Pieces("The capital of France is Paris, and it lies on the river Seine."),
            (std::vector<std::string>{"The capital of", " France is", " Paris, and it", " lies on the", " river Seine."}));
}

TEST(PieceEnd, GivesPiecesOf8To32BytesOnCodePointBorders) {
  testing::Random random(11);
  for (int round = 0; round < 2000; ++round) {
    const std::string text = testing::RandomText(random, 120);
    const std::vector<std::string> pieces = Pieces(text);
    std::string joined;
    for (const std::string& piece : pieces) {
      EXPECT_TRUE(IsCodePointBorder(text, joined.size()));
      EXPECT_LE(piece.size(), 32u);
      if (&piece != &pieces.back()) EXPECT_GE(piece.size(), 8u);
      joined += piece;
    }
    EXPECT_EQ(joined, text);
  }
}

TEST(PieceEnd, KeepsCharactersWhole) {
  const std::string accents = std::string(14, 'x') + "e\u0301\u0302" + std::string(20, 'y');
  EXPECT_EQ(Pieces(accents)[0], std::string(14, 'x'));
  const std::string family = std::string(10, 'x') + "👩\u200d👩\u200d👧" + std::string(20, 'y');
  EXPECT_EQ(Pieces(family)[0], std::string(10, 'x'));
  const std::string flag = std::string(13, 'x') + "🇩🇪" + std::string(20, 'y');
  EXPECT_EQ(Pieces(flag)[0], std::string(13, 'x'));
  const std::string line_end = std::string(15, 'x') + "\r\n" + std::string(20, 'y');
  EXPECT_EQ(Pieces(line_end)[0], std::string(15, 'x'));
}

TEST(PieceEnd, CutsAClusterThatIsLongerThanAPiece) {
  std::string marks = "a";
  for (int i = 0; i < 50; ++i) marks += "\u0301";
  EXPECT_GT(Pieces(marks).size(), 2u);
}

}  // namespace
}  // namespace reflex::wire
