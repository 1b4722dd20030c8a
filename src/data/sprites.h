// Sprites: the bundled text-to-video world of clips of 8 frames of 16 x 16 pixels.
#pragma once

#include "src/data/captioned_world.h"

namespace tmpq {

// "large red triangle up-left fast navy": one shape moves over a plain ground. Attributes: size,
// colour, shape, direction, speed, ground.
const CaptionedWorld& SpriteWorld();

}  // namespace tmpq
