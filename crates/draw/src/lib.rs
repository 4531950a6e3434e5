//! A trace drawn as a tree in characters.
