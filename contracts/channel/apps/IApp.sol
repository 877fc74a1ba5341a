// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// Who is to move in an app: one of its two, or nobody, when it is over.
uint8 constant FIRST = 0;
uint8 constant SECOND = 1;
uint8 constant OVER = 2;

/// Two who play, and for what. Its id is the keccak of its encoding.
struct App {
    address first; // keys that sign
    address second;
    uint128 stakeFirst; // what each can lose to the other: the amount of its lock, when that is made
    uint128 stakeSecond;
    address rules; // IApp; zero: there are no moves, only states that both sign
    uint32 time; // seconds to show a newer state, and then for each move
    bytes32 start; // keccak of the encoding of the state of version 0, which needs no signatures
    bytes32 salt; // an app is decided once: what is played again needs another
    bytes params; // for the rules
}

/// How an app stands. Both amounts are what the app, ending so, moves.
struct AppState {
    uint64 version;
    uint8 mover;
    uint128 fromFirst; // of the first's stake, to the second
    uint128 fromSecond; // of the second's stake, to the first
    bytes data; // for the rules
}

/// @title The rules of an app
interface IApp {
    /// Whether the one to move in `from` may make `to` of it. The court has checked who moves, that the version
    /// is the next one, and that no more is moved than is at stake.
    function validTransition(App calldata app, AppState calldata from, AppState calldata to)
        external
        view
        returns (bool);
}
